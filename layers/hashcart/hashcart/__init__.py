"""What HashCart's functions share."""

import gc

# Almost all that loading a function makes stays until its end, and what a request makes goes with its last reference.
# So the search for garbage that is left in circles may be rare; at Python's own pace it is a tenth of a cold start.
gc.set_threshold(100_000)
