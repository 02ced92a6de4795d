"""`python -m tests.compatibility`: note this release's contract as the one that must be kept."""

import json

from tests.compatibility.contract import RELEASED, breaks, contract_of, released


def main() -> None:
    """Write the contract, and say what of the last one it breaks."""
    now = contract_of()
    if RELEASED.exists():
        for line in breaks(released(), now):
            print(f"breaks: {line}")
    lines = (
        f" {json.dumps(type_)}: {{\n"
        + ",\n".join(f"  {json.dumps(path)}: {json.dumps(one)}" for path, one in fields.items())
        + "\n }"
        for type_, fields in now.items()
    )
    RELEASED.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
