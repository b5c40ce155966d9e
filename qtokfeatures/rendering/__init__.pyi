from .corpus import MINUTES as MINUTES
from .corpus import RENDERERS as RENDERERS
from .corpus import check_minutes as check_minutes
from .corpus import render_material as render_material
from .reel import Rendered as Rendered
from .tools import ToolError as ToolError
from .tools import ToolMissingError as ToolMissingError
from .tools import missing_tools as missing_tools
