"""Does a model of sentences say what it is asked to say?"""
