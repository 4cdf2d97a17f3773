"""A drawing as a page of its own: nothing is fetched; drag to move, wheel to zoom."""

from __future__ import annotations

from html import escape

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 0; font: 13px ui-sans-serif, system-ui, sans-serif; background: #fff; color: #1f2328; }}
header {{ padding: 10px 16px; border-bottom: 1px solid #8886; }}
header b {{ font-size: 15px; }}
#view {{ height: calc(100vh - 46px); overflow: hidden; cursor: grab; touch-action: none; }}
#view svg {{ display: block; width: 100%; height: 100%; }}
@media (prefers-color-scheme: dark) {{ body {{ background: #0d1117; color: #e6edf3; }} }}
</style></head><body>
<header><b>{title}</b> &nbsp; {about}</header>
<div id="view">{svg}</div>
<script>
const svg = document.querySelector("#view svg"), whole = svg.viewBox.baseVal;
let [x, y, w, h] = [whole.x, whole.y, whole.width, whole.height];
const place = () => svg.setAttribute("viewBox", `${{x}} ${{y}} ${{w}} ${{h}}`);
const view = document.getElementById("view");
const room = view.clientWidth / view.clientHeight;
if (h > 3 * view.clientHeight || w > 3 * view.clientWidth) {{  // too large to read at once: begin at the top
  const centre = x + w / 2; w = Math.min(w, 1.5 * view.clientWidth); h = w / room; x = centre - w / 2; place();
}} else if (w < view.clientWidth && h < view.clientHeight) {{  // small: do not blow it up
  x -= (view.clientWidth - w) / 2; w = view.clientWidth; h = view.clientHeight; place();
}}
view.addEventListener("wheel", event => {{
  event.preventDefault();
  const box = svg.getBoundingClientRect(), zoom = Math.exp(event.deltaY / 500);
  const at = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  x += w * at[0] * (1 - zoom); y += h * at[1] * (1 - zoom); w *= zoom; h *= zoom; place();
}}, {{ passive: false }});
let held = null;
view.addEventListener("pointerdown", event => {{ held = [event.clientX, event.clientY, x, y]; }});
addEventListener("pointermove", event => {{
  if (!held) return;
  const box = svg.getBoundingClientRect(), scale = Math.max(w / box.width, h / box.height);
  x = held[2] - (event.clientX - held[0]) * scale; y = held[3] - (event.clientY - held[1]) * scale; place();
}});
addEventListener("pointerup", () => {{ held = null; }});
</script>
</body></html>
"""


def graph_page(svg: str, title: str, about: str = "") -> str:
    """Return a page that shows a drawing of `graph_svg`."""
    return _PAGE.format(title=escape(title), about=escape(about), svg=svg)
