"""A small payments service that one call secures, its token issuer and a partner it calls; and a tour of all three."""
