import os

# Before textual is imported: a frame in the middle of a movement would be another one each time.
os.environ["TEXTUAL_ANIMATIONS"] = "none"
