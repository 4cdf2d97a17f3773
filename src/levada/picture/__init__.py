"""A plan as a picture: `graph_svg` draws it, `graph_page` puts it into a page of its own.

`layout` says where everything stands, `svg` draws it. Both work from the plan alone.
"""

from levada.picture.page import graph_page as graph_page
from levada.picture.svg import graph_svg as graph_svg
