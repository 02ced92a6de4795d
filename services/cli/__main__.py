"""`python -m services.cli`, where the script is not on the path."""

from services.cli import main

main()
