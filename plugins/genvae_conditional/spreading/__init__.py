"""Labels spread from item to item that is like it."""
