"""The site of the documents: ``sphinx-build -W --keep-going -n docs docs/_build/html``, with ``v8snap[docs]``."""

import sys
from pathlib import Path

from numpydoc.xref import DEFAULT_LINKS

import v8snap

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "v8snap"
author = "the v8snap authors"
version = release = v8snap.__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinx_click",
    "sphinx_copybutton",
    "pages",
    "public_names",
]
exclude_patterns = ["_build", "README.md"]  # the README is in the index
default_role = "py:obj"
highlight_language = "none"
add_module_names = False
smartquotes = False  # options begin with two dashes
toc_object_entries_show_parents = "hide"

# Texts name what they speak of in single backticks: a link where it is public, and no more than a word otherwise.
nitpick_ignore_regex = [("py:obj", ".+")]

html_theme = "furo"
html_title = f"v8snap {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False

myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_execution_timeout = 300

autodoc_member_order = "bysource"
autodoc_docstring_signature = False
autodoc_typehints = "none"  # the texts have types, in words
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
numpydoc_xref_param_type = True
numpydoc_xref_ignore = "all"  # types are words
numpydoc_xref_aliases = {
    **{word: word for word in DEFAULT_LINKS},  # Python's own have no place to link to without the network
    **{name: f"v8snap.{name}" for name in v8snap.__all__ if isinstance(getattr(v8snap, name), type)},
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
doctest_global_setup = "import v8snap"
