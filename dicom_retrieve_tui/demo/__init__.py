"""An embedded PACS with invented patients, to try everything against."""
