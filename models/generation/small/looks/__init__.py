"""Looks: the small pictures with alpha that things and backgrounds are drawn after."""
