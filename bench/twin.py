"""A plain twin of the API's reading routes: FastAPI, SQLAlchemy's ORM and Pydantic, put together the ordinary way.

It answers the same rows and columns, as a list of objects. It knows nothing of completeness, sources or units.
Served by `uvicorn --factory bench.twin:create_app`, with DATABASE_URL set.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Numeric, make_url, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Figure = Annotated[float | None, mapped_column(Numeric(asdecimal=False))]


class Base(DeclarativeBase):
    """The tables."""


class Daily(Base):
    """A bar, as it is stored."""

    __tablename__ = "daily"

    ts_code: Mapped[str] = mapped_column(primary_key=True)
    trade_date: Mapped[date] = mapped_column(primary_key=True)
    open: Mapped[Figure]
    high: Mapped[Figure]
    low: Mapped[Figure]
    close: Mapped[Figure]
    pre_close: Mapped[Figure]
    change: Mapped[Figure]
    pct_chg: Mapped[Figure]
    vol: Mapped[Figure]
    amount: Mapped[Figure]


class Bar(BaseModel):
    """A bar, as it is answered."""

    model_config = ConfigDict(from_attributes=True)

    ts_code: str
    trade_date: date
    open: float | None
    high: float | None
    low: float | None
    close: float | None
    pre_close: float | None
    change: float | None
    pct_chg: float | None
    vol: float | None
    amount: float | None


async def session(request: Request) -> AsyncIterator[AsyncSession]:
    """A session for one request."""
    async with request.app.state.sessions() as session:
        yield session


Session = Annotated[AsyncSession, Depends(session)]


def create_app() -> FastAPI:
    """The application."""
    url = make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+asyncpg")
    engine = create_async_engine(url, pool_size=8, max_overflow=0, pool_pre_ping=True)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await engine.dispose()

    app = FastAPI(title="Twin", lifespan=lifespan)
    app.state.sessions = async_sessionmaker(engine)

    @app.get("/live")
    async def live() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/stocks/{ts_code}/daily", response_model=list[Bar])
    async def read_bars(
        ts_code: str, session: Session, start: date | None = None, end: date | None = None
    ) -> list[Daily]:
        query = select(Daily).where(Daily.ts_code == ts_code).order_by(Daily.trade_date)
        if start:
            query = query.where(Daily.trade_date >= start)
        if end:
            query = query.where(Daily.trade_date <= end)
        bars = list(await session.scalars(query))
        if not bars:
            raise HTTPException(404)
        return bars

    @app.get("/daily", response_model=list[Bar])
    async def read_market_day(trade_date: date, session: Session) -> list[Daily]:
        query = select(Daily).where(Daily.trade_date == trade_date).order_by(Daily.ts_code)
        bars = list(await session.scalars(query))
        if not bars:
            raise HTTPException(404)
        return bars

    return app
