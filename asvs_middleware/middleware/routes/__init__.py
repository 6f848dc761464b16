"""Headers by route, router, mount and path prefix."""
