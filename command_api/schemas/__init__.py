"""What commands and their answers look like as JSON."""
