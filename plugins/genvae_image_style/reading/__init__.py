"""Where pictures come from: files, folders, arrays, tables and typefaces; what a picture may be, and how it is
brought to one size."""
