"""Writes what is generated under docs/: `python -m tests.docs`, at the root of the checkout."""

from tests.docs.pages import write_pages


def main() -> None:
    """Write it."""
    for path, text in write_pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
