"""The pages that shoppers open in a browser. `kit` says how one is written."""
