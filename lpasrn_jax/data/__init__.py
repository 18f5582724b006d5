"""From folders of tracks to batches on the device."""
