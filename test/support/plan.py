"""Reading the launch plan at the end of an artifact (format: runtime/README.md), apart from the runtime's own reader."""
import hashlib
import json
import math
import re

OPERATIONS = {
    "+": lambda a: sum(a), "*": math.prod, "min": min, "max": max,
    "-": lambda a: a[0] - a[1], "floordiv": lambda a: a[0] // a[1], "ceildiv": lambda a: -(-a[0] // a[1]),
    "mod": lambda a: a[0] % a[1],
    "<=": lambda a: a[0] <= a[1], "<": lambda a: a[0] < a[1], "==": lambda a: a[0] == a[1],
    "!=": lambda a: a[0] != a[1], "divides": lambda a: a[1] % a[0] == 0,
}


def read(artifact):
    """(plan, hash in the end marker) of an artifact."""
    lines = artifact.read_text().splitlines()
    begin = max(i for i, line in enumerate(lines) if re.match(r"//!dlc-plan \d+ begin$", line))
    end = next(i for i in range(begin, len(lines)) if re.match(r"//!dlc-plan \d+ end sha256:", lines[i]))
    return json.loads("\n".join(line[2:] for line in lines[begin + 1:end])), lines[end].split("sha256:")[1]


def rewrite(artifact, change):
    """Lets `change` edit the plan of an artifact in place; the hash is made right again."""
    plan = read(artifact)[0]
    change(plan)
    text = artifact.read_bytes()
    begin = max(m.start() for m in re.finditer(rb"^//!dlc-plan \d+ begin$", text, re.M))
    first = text[begin:text.index(b"\n", begin) + 1]
    text = text[:begin] + first + b"//" + json.dumps(plan).encode() + b"\n"
    end = first.replace(b" begin\n", b" end sha256:") + hashlib.sha256(text).hexdigest().encode()
    artifact.write_bytes(text + end + b"\n")


def evaluate(expression, names):
    if isinstance(expression, int):
        return expression
    if isinstance(expression, str):
        return names[expression]
    return OPERATIONS[expression[0]]([evaluate(e, names) for e in expression[1:]])


def environment(plan, dims):
    """Values of every name in the plan's expressions for given symbols; scalars read from inputs are left out."""
    names = {"@sms": plan["target"]["sms"], "@shared_per_block": plan["target"]["shared_per_block"], **dims}
    for scalar in plan.get("scalars", []):
        if scalar["from"]["kind"] == "expr":
            names[scalar["name"]] = evaluate(scalar["from"]["expr"], names)
    return names


def symbols_of(plan, inputs):
    """{symbol: value} that these input arrays give."""
    return {s["name"]: (inputs[s["from"]["input"]].shape[s["from"]["dim"]] - s["from"].get("offset", 0))
            // s["from"].get("scale", 1) for s in plan["symbols"]}


def launches(plan, names):
    """The launches that would be issued, in order: (op name, kernel or kind of op)."""
    made = []
    for op in plan["ops"]:
        if op["kind"] != "run":
            made.append((op["name"], op["kind"]))
            continue
        variant = next(v for v in op["variants"] if all(evaluate(c, names) for c in v["when"]))
        made += [(op["name"], launch["kernel"]) for launch in variant["launches"]
                 if all(evaluate(g, names) for g in launch["grid"])]
    return made


def counts(plan, inputs):
    """Regions, unique kernels in the file, and launches (kernels, copies, sets) for these inputs."""
    issued = launches(plan, environment(plan, symbols_of(plan, inputs)))
    return {"regions": sum(op["kind"] == "run" for op in plan["ops"]), "kernels": len(plan["kernels"]),
            "launches": len(issued)}
