"""What the command line and notebooks have in common: how input is run, and how errors are shown."""
