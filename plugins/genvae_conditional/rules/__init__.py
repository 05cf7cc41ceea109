"""Rules that label lines of English and judge them: plain Python, no model and no dependency."""
