"""Who runs the server's processes, and whom they tell."""
