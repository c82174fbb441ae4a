"""Label Studio's formats and its API: labelling configs, regions, masks and annotations."""
