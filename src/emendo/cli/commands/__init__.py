"""One command a file: the module's name is the command's, its function `command` does the work.

Modules import the stages inside the function, so that `emendo --help` is instant.
"""
