"""`python -m coze_core.cli`: the same as `coze`."""

from coze_core.cli import main

if __name__ == "__main__":
    main()
