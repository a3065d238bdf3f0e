"""An SVG of matplotlib's as a part of a page of HTML."""

from __future__ import annotations

from xml.etree import ElementTree

from ravine.pictures import INK


def inline(svg: str, prefix: str, label: str) -> tuple[str, float]:
    """Make an SVG of matplotlib's a part of the page, and return it with the width that it was drawn for.

    Several drawings stand in one page: each id, and each reference to one, gets a prefix, and the style sheet, which
    would reach out of the drawing, goes. Size, font and ink are left to the page.
    """
    root = ElementTree.fromstring(svg)
    for element in list(root.iter()):
        element.tag = _local(element.tag)
        element.attrib = {
            _local(name): _attribute(_local(name), value, prefix) for name, value in element.attrib.items()
        }
        for child in list(element):
            if _local(child.tag) in ("metadata", "style"):
                element.remove(child)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.attrib |= {"role": "img", "aria-label": label}
    return ElementTree.tostring(root, encoding="unicode"), float(root.attrib["viewBox"].split()[2])


def _local(name: str) -> str:
    """Return a name without its namespace; in HTML, what stands in an <svg> is SVG, and href needs no prefix."""
    return name.rpartition("}")[2]


def _attribute(name: str, value: str, prefix: str) -> str:
    if name == "id":
        return f"{prefix}.{value}"
    if name == "href" and value.startswith("#"):
        return f"#{prefix}.{value[1:]}"
    if name == "style":
        value = "; ".join(filter(None, map(_declaration, value.split(";"))))
    return value.replace("url(#", f"url(#{prefix}.")


def _declaration(declaration: str) -> str:
    name, _, value = (part.strip() for part in declaration.partition(":"))
    if not name or name == "font-family":
        return ""
    return f"{name}: {'currentColor' if value in (INK, '#000000') else value}"
