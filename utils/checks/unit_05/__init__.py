"""The checks of unit 05: windows and back, mask, cosine attention, offsets, position bias, merging, block."""

from utils.checks.registry import listed

# in the order of the notebook
unit = listed(
    "05_swin_v2_imagenette",
    "window_partition",
    "window_reverse",
    "shift_mask",
    "cosine_attention",
    "log_coordinates",
    "position_bias",
    "merge_patches",
    "PostNormBlock",
)
