"""The process that draws charts: `python -m vai_drawing.charts` reads one order a line, and writes one answer a line.

`{"spec": …, "prefix": …, "label": …}` is a Vega-Lite specification with its data, answered by `{"svg": …}`;
`{"svg": …, "scale": …}` is a drawing, answered by `{"png": …}` in base64. What cannot be drawn is `{"error": …}`.
Nothing is loaded from any address. It has a low priority and a bound of its CPU time, and ends when its input ends.
"""

import base64
import json
import os
import resource
import sys
from typing import Any

from vai_drawing.clean_svg import NotClean, cleaned

LARGEST = 4 << 20
"""Characters of a drawing."""

_CPU_SECONDS = 240
_NICE = 5


def answer(order: dict[str, Any]) -> dict[str, Any]:
    import vl_convert

    try:
        if "spec" not in order:
            png = vl_convert.svg_to_png(order["svg"], scale=order["scale"])
            return {"png": base64.b64encode(png).decode()}
        svg = vl_convert.vegalite_to_svg(order["spec"], allowed_base_urls=[])
        if len(svg) > LARGEST:
            return {"error": f"the drawing has {len(svg):,} characters, at most {LARGEST:,} are kept: draw fewer marks"}
        return {"svg": cleaned(svg, order["prefix"], order["label"])}
    except NotClean as error:
        return {"error": str(error)}
    except Exception as error:  # of a library that has no class of its own for what is wrong with a specification
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        told = [line for line in lines if not line.startswith("at ")]
        return {"error": " ".join(told)[:500] or type(error).__name__}


def main() -> None:
    os.nice(_NICE)
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
