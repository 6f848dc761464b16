"""The one layer: who is let in, how a request is carried through the app, what is answered instead."""
