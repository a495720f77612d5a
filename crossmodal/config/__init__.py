"""Typed configuration: defaults in code, differences in a yaml, the last word on the command line.

Usage
-----
    config = load_config("configs/pix3d.yaml", ["data.batch_size=8", "optim.lr=1e-4"])
    print(to_yaml(config))          # every key, resolved
    config_hash(config)             # the same for the same settings, wherever they came from
"""

from crossmodal.config.category import (
    CategoryConfig,
    CategoryLogConfig,
    CategoryLossConfig,
    CategoryModelConfig,
    CategoryOptimConfig,
    DomainConfig,
)
from crossmodal.config.differences import differences, in_short
from crossmodal.config.instance import (
    Config,
    DataConfig,
    LogConfig,
    LossConfig,
    ModelConfig,
    OptimConfig,
)
from crossmodal.config.load import (
    CIRCUMSTANCES,
    config_hash,
    from_dict,
    load_config,
    load_tree,
    noted_yaml,
    override,
    read_yaml,
    to_dict,
    to_yaml,
    without,
)
from crossmodal.config.pictures import PictureConfig
from crossmodal.config.typed import ConfigError

__all__ = [
    "CIRCUMSTANCES",
    "CategoryConfig",
    "CategoryLogConfig",
    "CategoryLossConfig",
    "CategoryModelConfig",
    "CategoryOptimConfig",
    "Config",
    "ConfigError",
    "DataConfig",
    "DomainConfig",
    "LogConfig",
    "LossConfig",
    "ModelConfig",
    "OptimConfig",
    "PictureConfig",
    "config_hash",
    "differences",
    "from_dict",
    "in_short",
    "load_config",
    "load_tree",
    "noted_yaml",
    "override",
    "read_yaml",
    "to_dict",
    "to_yaml",
    "without",
]
