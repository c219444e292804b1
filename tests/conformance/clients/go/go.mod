module client

go 1.23.2

require github.com/apache/spark-connect-go v0.1.1-0.20250826122459-0e3d565b63e6
