"""One session per speaker stream, gathered in lanes, one lane per assigned partition."""
