"""Bodies and hands in pictures: keypoints, landmarks of hands, and what these show."""
