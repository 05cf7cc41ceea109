"""Are conditions obeyed, is what was asked for fluent and various, and is content kept?"""
