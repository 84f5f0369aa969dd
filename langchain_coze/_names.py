"""Names that several files share."""

from typing import Final

PROVIDER: Final = "coze"
# Where blocks of an answer wait that are not text; see `_blocks`.
BLOCKS: Final = "coze_blocks"
