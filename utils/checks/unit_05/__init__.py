"""The checks of unit 05: windows and back, mask, cosine attention, offsets, position bias, merging, block."""

from utils.checks.registry import Unit
from utils.checks.unit_05.cosine_attention.exercise import cosine_attention
from utils.checks.unit_05.log_coordinates.exercise import log_coordinates
from utils.checks.unit_05.merge_patches.exercise import merge_patches
from utils.checks.unit_05.position_bias.exercise import position_bias
from utils.checks.unit_05.post_norm_block.exercise import PostNormBlock
from utils.checks.unit_05.shift_mask.exercise import shift_mask
from utils.checks.unit_05.window_partition.exercise import window_partition
from utils.checks.unit_05.window_reverse.exercise import window_reverse

# in the order of the notebook
unit = Unit(
    "05_swin_v2_imagenette",
    (
        window_partition,
        window_reverse,
        shift_mask,
        cosine_attention,
        log_coordinates,
        position_bias,
        merge_patches,
        PostNormBlock,
    ),
)
