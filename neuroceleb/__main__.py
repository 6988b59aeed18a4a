"""`python -m neuroceleb` is the same as `neuroceleb`."""

from neuroceleb.cli.main import main

if __name__ == "__main__":
    main()
