"""The same as `neuroceleb serve`: `python app.py`, then open the address it prints."""

import sys

from neuroceleb.cli.main import main

if __name__ == "__main__":
    main(["serve", *sys.argv[1:]])
