"""Images that lie in files: tars, folders, data sets, what img2dataset wrote."""
