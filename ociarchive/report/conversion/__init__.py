"""What a conversion reports: its summary and its receipt."""
