"""All layouts that docs/data.md lists, each with small files in exactly this layout."""

from tests.extraction.layout_builders import Example
from tests.extraction.layout_data_sets import DATA_SETS
from tests.extraction.layout_tables import TABLES
from tests.extraction.layout_tools import TOOLS

EXAMPLES: list[Example] = [*TABLES, *DATA_SETS, *TOOLS]
