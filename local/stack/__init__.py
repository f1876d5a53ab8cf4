"""The embedded stack: the real template in an emulator of AWS, with X and a store beside it, on one machine."""
