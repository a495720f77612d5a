"""Programs that turn raw data into the files that training and search read."""
