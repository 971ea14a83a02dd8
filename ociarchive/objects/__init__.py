"""Object storage that speaks as S3 does: addresses, settings, and objects as files. The extra `s3` brings obstore."""
