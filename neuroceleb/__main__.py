"""`python -m neuroceleb`."""

from neuroceleb.cli.main import main

if __name__ == "__main__":
    main()
