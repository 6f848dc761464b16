"""What stands between the wire and uvicorn's parser: strict HTTP/1.1, deadlines, the `tls` extension."""
