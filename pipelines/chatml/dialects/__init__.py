"""How each model family writes boxes, images and turns, one file a family."""

from pipelines.chatml.dialects.cogvlm import CogVLM
from pipelines.chatml.dialects.first_qwen_vl import FirstQwenVL
from pipelines.chatml.dialects.internvl import InternVL
from pipelines.chatml.dialects.nvlm import NVLM
from pipelines.chatml.dialects.plain import Plain
from pipelines.chatml.dialects.protocol import Dialect
from pipelines.chatml.dialects.qwen2_5_vl import Qwen25VL
from pipelines.chatml.dialects.qwen2_vl import Qwen2VL

_ALL: tuple[Dialect, ...] = (Qwen2VL(), Qwen25VL(), InternVL(), FirstQwenVL(), CogVLM(), NVLM(), Plain())

DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in _ALL}
"""All dialects by the name that recipes use."""
