from .clips import Rendered as Rendered
from .corpus import MINUTES as MINUTES
from .corpus import render_corpus as render_corpus
from .tools import ToolError as ToolError
from .tools import ToolMissingError as ToolMissingError
from .tools import missing_tools as missing_tools
