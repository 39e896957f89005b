"""The main job: needs, plans and surplus of one image, and of the images of one run together."""
