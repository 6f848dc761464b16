"""What is put on a response start: headers, nonces, and what is mended of the app's own fields."""
