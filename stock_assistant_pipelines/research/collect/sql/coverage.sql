-- What is booked of a trading day in some datasets, and whether anything of them landed of a day or period up to it.
select
    dataset,
    max(status) filter (where partition = :partition) as status,
    max(landed) filter (where partition <= :partition) > 0 as landed
from coverage
where dataset = any(:datasets)
group by dataset
