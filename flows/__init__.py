"""The rooms that know the command line, Dask clients and Prefect. No science here: recipes say what depends on what, everything else is plumbing."""
