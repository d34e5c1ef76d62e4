"""Other people's forms of speech data: a table, a data set or a Kaldi directory in; a manifest and its sound out."""
