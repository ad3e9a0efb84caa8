"""Compares the imports of a Wasm module with a list: imports.py MODULE.wasm LIST.txt

The filter performs no I/O, reads no clock and draws no randomness. Whatever it reached for would
show here as an import that is not on the list.
"""

import sys


def imports(module: bytes) -> list[str]:
    """The imports as `module.name`, in the order of the binary format's import section."""
    assert module[:8] == b"\0asm\1\0\0\0", "not a WebAssembly module"
    at = 8

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = module[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def name() -> str:
        nonlocal at
        length = number()
        at += length
        return module[at - length : at].decode()

    found = []
    while at < len(module):
        section, length = module[at], 0
        at += 1
        length = number()
        end = at + length
        if section == 2:
            for _ in range(number()):
                found.append(f"{name()}.{name()}")
                kind = module[at]
                at += 1
                assert kind == 0, "only functions are expected to be imported"
                number()
        at = end
    return found


def main() -> int:
    module, listed = sys.argv[1:]
    with open(module, "rb") as file:
        found = sorted(imports(file.read()))
    with open(listed) as file:
        allowed = [line.strip() for line in file if line.strip() and not line.startswith("#")]
    extra = [name for name in found if name not in allowed]
    for name in extra:
        print(f"{module} imports {name}, which {listed} does not allow", file=sys.stderr)
    if not extra:
        print(f"{module} imports {', '.join(found)}: all of it allowed")
    return 1 if extra else 0


if __name__ == "__main__":
    sys.exit(main())
