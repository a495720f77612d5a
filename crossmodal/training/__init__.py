"""What every training loop needs: optimiser, rate, run folder, clean interruption."""
